//! Private parsers, one grammar a file.
