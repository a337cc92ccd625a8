// One airline against the freshness objective: a shape, a word, and the figure that they stand on.
export default function (component) {
  return live(component, {
    card: (card, ticking) => {
      const said = make("div", "", make("div", "who", card.name), make("div", "word", card.light.word));
      said.setAttribute("role", "status");
      const shape = make("div", "shape", card.light.shape);
      shape.setAttribute("aria-hidden", "true");
      const lines = card.details.map((one) => line(one, "", ticking));
      return [
        make("div", `inner ${card.arm} ${card.light.state}`, shape, said,
          line(card.figure, "figure", ticking), make("div", "details", ...lines)),
      ];
    },
  });
}
