package main

import (
	"math"
	"slices"
)

// suspicious is the |t| from which on two classes are taken to differ. That of a
// single test would be exceeded by chance once in 150,000; the tests here are a
// hundred, but on nearly the same data.
const suspicious = 4.5

// An outcome is what came of measuring a target. Times are in nanoseconds.
type outcome struct {
	samples    int
	typical    float64 // time of one
	t          float64 // the largest |t| of all tests
	difference float64 // of the means of the faster half
	visible    float64 // that would have been suspicious there
}

func (o outcome) leaks() bool { return o.t >= suspicious }

// A sample is how long one trial took, of class 0 or 1.
type sample struct {
	class int
	time  float64
}

// judge tests all samples, and then those below each of a hundred bounds, since what
// interrupts a measurement makes it long and says nothing.
func judge(samples []sample) outcome {
	sorted := slices.Clone(samples)
	slices.SortFunc(sorted, func(a, b sample) int {
		switch {
		case a.time < b.time:
			return -1
		case a.time > b.time:
			return 1
		}
		return 0
	})
	o := outcome{samples: len(samples)}
	if len(sorted) == 0 {
		return o
	}
	o.typical = sorted[len(sorted)/2].time
	var bounds []int // numbers of samples that lie below
	for i := range 100 {
		share := 1 - math.Pow(0.5, 10*float64(i+1)/100) // dudect's: close together near the top
		bounds = append(bounds, int(share*float64(len(sorted))))
	}
	var m [2]moment
	for i, s := range sorted {
		m[s.class].add(s.time)
		if i == len(sorted)/2 {
			difference, spread := welch(m)
			o.difference, o.visible = difference, suspicious*spread
		}
		for len(bounds) > 0 && i >= bounds[0] && (i+1 == len(sorted) || sorted[i+1].time > s.time) { // not between equals
			o.consider(m)
			bounds = bounds[1:]
		}
	}
	o.consider(m)
	return o
}

// A moment is the number, the mean and the summed squares of the deviations of a
// class.
type moment struct{ n, mean, squares float64 }

func (m *moment) add(x float64) {
	m.n++
	delta := x - m.mean
	m.mean += delta / m.n
	m.squares += delta * (x - m.mean)
}

func (m *moment) variance() float64 { return m.squares / max(m.n-1, 1) }

// enough samples of each class make a test worth while.
const enough = 100

// consider keeps Welch's t of the two classes if it is the largest so far.
func (o *outcome) consider(m [2]moment) {
	if m[0].n < enough || m[1].n < enough {
		return
	}
	if difference, spread := welch(m); difference > 0 {
		o.t = max(o.t, difference/max(spread, math.SmallestNonzeroFloat32))
	}
}

// welch is how much the means differ, and the standard deviation of that.
func welch(m [2]moment) (difference, spread float64) {
	spread = math.Sqrt(m[0].variance()/max(m[0].n, 1) + m[1].variance()/max(m[1].n, 1))
	return math.Abs(m[0].mean - m[1].mean), spread
}
