"""What a build leaves behind: metrics, tables, report."""
