"""`spanloop doctor`: checks of a set-up. Each says what it found, what that means and what to do."""
