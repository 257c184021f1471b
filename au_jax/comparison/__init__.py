"""The comparison of methods: runs, their scores, and the tables of the paper."""
