"""The expert system at work: rules and alarms in the database, evaluated from presses, receipts and shifts.

`cloud_bridge.rules` computes; here it is fed, and what it says becomes records, which survive restarts.
"""
