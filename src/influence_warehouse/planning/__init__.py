"""What a study will take before it runs: its workload, rates of this machine, and their product."""
