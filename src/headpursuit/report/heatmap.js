// The map of heads: pointing at a head, or reaching it with the arrow keys, tells about it; a click or Enter chooses it.
// `place` holds the map, now or later. `tell` makes text of a cell; `choose` is told a head's name.
function headMap(place, tell, choose) {
  const tip = document.createElement("div");
  tip.className = "head-tip";
  tip.setAttribute("role", "status");
  const cells = () => Array.from(place.querySelectorAll("[data-head]"));
  const at = (cell, side) => Number(cell.getAttribute(side));

  function show(event) {
    const cell = event.target.closest(".head");
    if (!cell) return hide();
    tip.textContent = tell(cell);
    place.append(tip);
    const box = cell.getBoundingClientRect();
    const room = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(box.left, innerWidth - room.width - 4)) + "px";
    tip.style.top = (box.bottom + 6 + room.height < innerHeight ? box.bottom + 6 : box.top - room.height - 6) + "px";
  }

  function hide() { tip.remove(); }

  function focus(cell) {
    cells().forEach((other) => other.setAttribute("tabindex", other === cell ? 0 : -1));
    cell.focus({ preventScroll: true });
  }

  // The nearest head in a direction; where a layer has fewer heads, the next one that has it.
  function beside(cell, key) {
    const [along, across, sign] = {
      ArrowLeft: ["x", "y", -1], ArrowRight: ["x", "y", 1], ArrowUp: ["y", "x", -1], ArrowDown: ["y", "x", 1],
    }[key];
    const distance = (other) => sign * (at(other, along) - at(cell, along));
    const ahead = cells().filter((other) => at(other, across) === at(cell, across) && distance(other) > 0);
    return ahead.sort((a, b) => distance(a) - distance(b))[0];
  }

  place.addEventListener("pointerover", show);
  place.addEventListener("pointerleave", hide);
  place.addEventListener("focusin", show);
  place.addEventListener("focusout", hide);
  place.addEventListener("click", function (event) {
    const cell = event.target.closest(".head");
    if (!cell) return;
    focus(cell);
    choose(cell.dataset.head);
  });
  place.addEventListener("keydown", function (event) {
    const cell = event.target.closest(".head");
    if (event.key === "Escape") hide();
    if (!cell || !["Enter", " ", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    if (!event.key.startsWith("Arrow")) return choose(cell.dataset.head);
    const next = beside(cell, event.key);
    if (next) focus(next);
  });
}
