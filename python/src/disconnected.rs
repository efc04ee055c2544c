//! What is raised where an application asks something of a client that is not there any more.

use pyo3::create_exception;
use pyo3::exceptions::PyConnectionError;

create_exception!(
    gopuram,
    Disconnected,
    PyConnectionError,
    "The client has left, or its body broke off."
);
