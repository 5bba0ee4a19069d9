package session

import (
	"cmp"
	"fmt"
	"time"

	"github.com/handclasp/handclasp/fault"
)

// needClock refuses options without a clock: a default would be one that is read
// here, and then nobody could test what it does.
func needClock(clock func() time.Time) error {
	if clock == nil {
		return fault.ConfigValue.In("Clock").Saw("nil", "a function such as time.Now")
	}
	return nil
}

// atLeast gives n, or otherwise for zero, and refuses what is below zero.
func atLeast[T int | time.Duration](field string, n, otherwise T) (T, error) {
	if n < 0 {
		return 0, fault.ConfigValue.In(field).Saw(n, "0 for the default, or more")
	}
	return cmp.Or(n, otherwise), nil
}

func bytesText(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
