"""What one request may use of the server: each limit measures, refuses by name, and reports what was used."""
