"""What a queue brings: records, what stands around a message, and messages. Calls no AWS."""
