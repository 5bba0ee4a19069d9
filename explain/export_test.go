package explain

// EventLine is what EventJSON writes, for the test of its documentation.
var EventLine = line{}
