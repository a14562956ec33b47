found.start = [rows()[0], el("shown").value, share("L1H0")];
found.token = type("<i>par");
found.concept = type("colour");
found.shown = el("shown").value;
found.order = Array.from(el("table").tBodies[0].rows).map((row) => row.cells[0].textContent);
type("");
found.share = share("L1H1");
point(cell("L1H1"), "click");
found.detail = el("detail").textContent;
