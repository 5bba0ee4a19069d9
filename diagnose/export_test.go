package diagnose

// SetClock has the pauses between connections go by c.
func (o *Options) SetClock(c clock) { o.clock = c }
