"""What is asked of AWS for Tasks: topics, queues, their entries, and Step Functions."""
