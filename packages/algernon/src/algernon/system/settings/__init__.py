"""The settings of a system's workers; their door is `algernon.settings`."""
