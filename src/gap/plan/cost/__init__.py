"""What a study costs before it is run: jobs, hours, memory, disk and download per stage; and how far off that was afterwards."""
