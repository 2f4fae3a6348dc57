"""What the tests over HTTP and CGI stand on; tests/conftest.py makes fixtures of it."""
