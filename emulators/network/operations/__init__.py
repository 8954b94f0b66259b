"""Reading the operation lists of da4ml and alkaid."""
