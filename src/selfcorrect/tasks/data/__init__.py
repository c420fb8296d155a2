"""Where a task's examples come from: files, the hub, and the order in which they are taken."""
