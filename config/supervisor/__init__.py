"""`manage.py up`: the embedded database and the processes of a small installation, under one parent."""
