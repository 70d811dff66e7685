"""The steps, each as it was when it was released: what is imported from the package may change."""
