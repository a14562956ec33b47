// The map, the table of heads and the lists: a click tells which head or list, arrow keys move over the map.
const cells = () => [...element.querySelectorAll(".hp-cell")];
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-head], button[data-concept]");
  if (button && element.contains(button)) trigger("click", { name: button.dataset.head || button.dataset.concept });
});
element.addEventListener("keydown", (event) => {
  const cell = event.target.closest(".hp-cell");
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!cell || !step) return;
  event.preventDefault();
  const rows = [...element.querySelectorAll(".hp-row")];
  const row = rows.indexOf(cell.closest(".hp-row"));
  const column = [...rows[row].children].indexOf(cell);
  let [r, c] = [row + step[0], column + step[1]];
  while (rows[r] && rows[r].children[c] && !rows[r].children[c].matches(".hp-cell")) [r, c] = [r + step[0], c + step[1]];
  const next = rows[r] && rows[r].children[c];
  if (!next || !next.matches(".hp-cell")) return;
  cells().forEach((other) => (other.tabIndex = other === next ? 0 : -1));
  next.focus();
});
