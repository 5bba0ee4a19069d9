package page

import (
	"io"
	"slices"

	"github.com/handclasp/handclasp/explain"
)

// Compare writes a page that puts two stories side by side. Its error is w's, or
// says that c can't be shown.
func Compare(w io.Writer, c *explain.Comparison, o Options) error {
	v := &comparison{Options: o, Frame: whole, names: c.Names}
	v.Differ, v.Of = c.Differences()
	for i, s := range c.Stories {
		x := side{Letter: string(rune('A' + i)), Name: c.Names[i], Figures: figures(s)}
		x.Outcome, x.Word, x.Text = s.Outcome()
		v.Sides = append(v.Sides, x)
	}
	for i := range c.Parts {
		p := matter{Title: c.Parts[i].Title}
		for j := range c.Parts[i].Rows {
			r := &c.Parts[i].Rows[j]
			if r.Differs {
				p.Differ++
			}
			p.Rows = append(p.Rows, contrast{r, [2]cell{cellOf(r, 0), cellOf(r, 1)}})
		}
		v.Parts = append(v.Parts, p)
	}
	return Execute(w, pages, "compare.html", v)
}

// A comparison is what its template shows.
type comparison struct {
	Options
	Frame
	names      [2]string
	Differ, Of int
	Sides      []side
	Parts      []matter
}

// Heading is the page's title.
func (c *comparison) Heading() string {
	if c.Title != "" {
		return c.Title
	}
	return c.names[0] + " and " + c.names[1]
}

// A side is one of two stories in short.
type side struct {
	Letter, Name        string
	Outcome, Word, Text string
	Figures             []explain.Line
}

// A matter is what both say of one.
type matter struct {
	Title  string
	Rows   []contrast
	Differ int
}

type contrast struct {
	*explain.Contrast
	Cells [2]cell
}

// A cell is what one side says. Several values stand apart.
type cell struct {
	Side   string
	Values []value
	Chips  bool
}

type value struct {
	Text string
	Only bool // the other side does not have it
}

func cellOf(r *explain.Contrast, i int) cell {
	c := cell{Side: string(rune('A' + i)), Chips: r.List}
	only := r.Only(i)
	for _, v := range short(r.Values[i]) {
		c.Values = append(c.Values, value{v, slices.Contains(only, v)})
	}
	return c
}
