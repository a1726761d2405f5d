//! What random histories have found.
