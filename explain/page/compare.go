package page

import (
	"io"
	"slices"
	"strings"

	"github.com/handclasp/handclasp/explain"
)

// Compare writes a page that puts two stories side by side. Its error is w's, or
// says that c can't be shown.
func Compare(w io.Writer, c *explain.Comparison, o Options) error {
	v := &comparison{Options: o, Frame: whole, Comparison: c}
	for i, s := range c.Stories {
		x := side{Letter: string(rune('A' + i)), Name: c.Names[i], Figures: figures(s), Date: date(s)}
		x.Outcome, x.Word, x.Text = s.Outcome()
		v.Sides = append(v.Sides, x)
	}
	for i := range c.Parts {
		p := matter{Part: &c.Parts[i]}
		for j := range p.Part.Rows {
			r := &p.Part.Rows[j]
			if r.Differs {
				p.Differ++
			}
			p.Rows = append(p.Rows, contrast{r, [2]cell{cellOf(r, 0), cellOf(r, 1)}})
		}
		v.Matters = append(v.Matters, p)
	}
	return Execute(w, pages, "compare.html", v)
}

// A comparison is what its template shows.
type comparison struct {
	Options
	Frame
	*explain.Comparison
	Sides   []side
	Matters []matter
}

// Heading is the page's title.
func (c *comparison) Heading() string {
	if c.Title != "" {
		return c.Title
	}
	return c.Names[0] + " and " + c.Names[1]
}

// A side is one of two stories in short.
type side struct {
	Letter, Name        string
	Outcome, Word, Text string
	Date                string // when it began
	Figures             []explain.Line
}

// Short is the matter's title in the navigation.
func (m *matter) Short() string {
	return map[string]string{"result": "Results", "hello": "Hello", "choice": "Choices", "certificate": "Certificates", "message": "Messages"}[m.Name]
}

// A matter is what both say of one.
type matter struct {
	*explain.Part
	Rows   []contrast
	Differ int // rows
}

type contrast struct {
	*explain.Contrast
	Cells [2]cell
}

// A cell is what one side says. Several values stand apart.
type cell struct {
	Side   string
	Values fold[value]
	Time   string
	Chips  bool
}

// Only is how many of those that are folded away the other side does not have.
func (c *cell) Only() (n int) {
	for _, v := range c.Values.Rest {
		if v.Only {
			n++
		}
	}
	return n
}

type value struct {
	Text string
	Only bool // the other side does not have it
}

func cellOf(r *explain.Contrast, i int) cell {
	c := cell{Side: string(rune('A' + i)), Time: r.Times[i], Chips: r.List}
	n := most
	if strings.HasSuffix(r.Name, ".names") {
		n = few
	}
	var values []value
	for _, v := range r.Values[i] {
		values = append(values, value{v, slices.Contains(r.Only[i], v)})
	}
	c.Values = folded(n, values)
	return c
}
