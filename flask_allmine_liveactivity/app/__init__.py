"""The extension as it is installed on one Flask app."""
