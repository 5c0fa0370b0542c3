"""What is deployed: from a project's folder to a zip for Lambda."""
