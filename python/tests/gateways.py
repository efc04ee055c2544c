"""What means nothing over a gateway, and why: the one place where tests are left out."""

FRONTS = ("fastcgi", "scgi", "uwsgi")

#: The name of the test, over which gateways it is left out, and the reason.
NOT_OVER = [
    ("test_s14_a_target_may_name_the_host*", ["http2"], "`:path` names no host (RFC 9113, section 8.3.1)"),
    ("test_s18_a_field_that_would_be_taken*", FRONTS, "the front server has made variables of the fields"),
    ("test_s14_*/%00-*", ["scgi"], "a NUL ends a variable"),
    ("test_s16_*_even_if_the_client*", ["http2"], "who is asked is always told; else it is 400 (RFC 9113, section 8.3.1)"),
    ("test_s33_the_date_is_added*", FRONTS, "the front server adds it"),
    ("test_s45_to_an_old_client*", ["http2"], "HTTP/2 has no older version"),
    ("test_s53_*_is_told_to_go_on*", ["http2"], "hyper has no interim responses there, and clients go on by themselves"),
    ("test_s53_*_is_told_to_go_on*", FRONTS, "no interim response can be told, so the front server tells it"),
    ("test_s53_and_not*", FRONTS, "the front server deals with the expectation"),
    ("test_s53_nor_a_client_of_http_1_0*", ["http2"], "HTTP/2 has no older version"),
    ("test_s58_*_without_a_host*", ["http2"], "who is asked is always told; else it is 400 (RFC 9113, section 8.3.1)"),
    ("test_s55_*", ["http2", *FRONTS], "transfer codings are of HTTP/1.1 (RFC 9112, section 6.1)"),
    ("test_s28_to_s31_*open*", ["scgi", "uwsgi"], "the length of a body must be told; else the answer is 411"),
    ("test_s30_a_long_body*open*", ["scgi", "uwsgi"], "the length of a body must be told; else the answer is 411"),
    ("test_a_body_with_wrong_chunks*", ["http2", *FRONTS], "chunks are of HTTP/1.1 (RFC 9112, section 7.1)"),
    ("test_flask_reads_a_body_of_unknown_length*", ["scgi", "uwsgi"], "the length of a body must be told; else the answer is 411"),
]
