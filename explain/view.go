package explain

// What another form of the story than text borrows from it.

// Carriage says how a step travelled: in which records, and who could read it.
// It is "" of what did not travel.
func (s *Story) Carriage(step *Step) string { return carriage(s, step) }

// Span is a time in microseconds as a person reads it, such as "1.47 ms".
func Span(us int64) string { return span(us) }

// Count is a number with its noun: "1 byte", "1,527 bytes".
func Count(n int, what string) string { return count(n, what) }
