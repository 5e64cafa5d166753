"""Each pattern alone: copied under another name into an empty project, wired as its header says."""
