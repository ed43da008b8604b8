"""Media: how bits cross a link. Engines know three doors and no medium by name.

`begins`: a transfer begins, and the medium says what comes next and when. `goes_on`: one of its events has come.
`comes`: who reaches a link that has a queue of its own. Beside them a medium may have events that belong to no request
(`happens`), and may want a station to start something though nobody waits there (`wants`, `starts`).
"""
