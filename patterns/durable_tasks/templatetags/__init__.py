"""What the pattern's own pages say in their templates."""
