//go:build !unix

package main

import "time"

var began = time.Now()

// used is the time on the clock: here nothing tells what other programs take.
func used() time.Duration { return time.Since(began) }
