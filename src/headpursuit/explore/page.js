// The table of heads and the lists: a click tells which head or list.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-head], button[data-concept]");
  if (button && element.contains(button)) trigger("click", { name: button.dataset.head || button.dataset.concept });
});
