package diagnose

import "time"

// SetClock has the pauses between connections go by c.
func (o *Options) SetClock(c clock) { o.clock = c }

// Silence is how a server is told that said nothing for so long.
func Silence(took time.Duration) string {
	return (&outcome{ending: Silent, took: took}).String()
}
