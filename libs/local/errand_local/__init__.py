"""All of Errand on one host: started, kept running, stopped."""
