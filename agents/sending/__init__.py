"""What senders of every channel share: claims, the pump, publishing; and how a mail server is talked to."""
