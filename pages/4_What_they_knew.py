"""What they knew: back to any moment, and what each airline knew of a customer then."""

from ui import frame, knew

with frame.open_page("What they knew"):
    frame.header()
    customer = knew.choose()
    if customer:
        knew.draw(customer)
