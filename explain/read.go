package explain

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/handclasp/handclasp/fault"
)

// ErrNoStory says that a text is no story, or that its parts contradict each other.
var ErrNoStory = errors.New("no story of a handshake")

// Read reads a story that Story.JSON has written. It is ErrNoStory if that can't be
// told or shown: somebody may have changed it.
func Read(text []byte) (*Story, error) {
	s := new(Story)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNoStory, err)
	}
	if err := s.sound(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNoStory, err)
	}
	return s, nil
}

// sound says what contradicts itself.
func (s *Story) sound() error {
	switch {
	case s.Schema != Schema:
		return fmt.Errorf("its schema is %q, not %q", s.Schema, Schema)
	case s.Role != fault.Client.String() && s.Role != fault.Server.String():
		return fmt.Errorf("nobody has the role %q", s.Role)
	}
	for i := range s.Steps {
		step := &s.Steps[i]
		if step.Number != i+1 {
			return fmt.Errorf("step %d has the number %d", i+1, step.Number)
		}
		if err := within(step.Fields, len(step.Bytes)); err != nil {
			return fmt.Errorf("step %d: %v", step.Number, err)
		}
		for _, rec := range step.Records {
			if err := within(rec.Fields, rec.Size); err != nil {
				return fmt.Errorf("record %d of step %d: %v", rec.Number, step.Number, err)
			}
		}
		for _, c := range step.Choices {
			if c.What == "" {
				return fmt.Errorf("step %d chooses nothing", step.Number)
			}
		}
	}
	return nil
}

// within sees that fields lie in so many bytes.
func within(fields []Field, size int) error {
	for _, f := range fields {
		if f.Off < 0 || f.Len < 0 || f.Off > size || f.Len > size-f.Off || f.Prefix < 0 || f.Prefix > f.Len || f.Depth < 0 {
			return fmt.Errorf("the field %q is not in the %s", fault.Printable(f.Name), count(size, "byte"))
		}
	}
	return nil
}
