"""A system's CloudFormation template, by what it describes; its door is `algernon.template`."""
