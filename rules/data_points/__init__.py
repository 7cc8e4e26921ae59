"""The families of data points, imported by name so that reading this file lists them all."""

from rules.data_points import device as device
from rules.data_points import ip as ip
from rules.data_points import payment as payment
from rules.data_points import time as time
from rules.data_points import user as user
