"""The verbs: what can be done with a record, one step a file. Pure rules first, ports for everything else."""
