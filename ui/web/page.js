// Nothing moves here: this component carries the page's own style sheet.
export default function () {}
