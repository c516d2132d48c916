-- The tables shared with the booking-management service. Its own script may have run before, or may run
-- afterwards: a table that is there is left as it is, with its data and its indexes.
DO $$
BEGIN
    IF to_regclass('public.users') IS NULL THEN
        CREATE TABLE public.users (
            id            serial PRIMARY KEY,
            email         varchar(255) NOT NULL UNIQUE,
            username      varchar(100) NOT NULL UNIQUE,
            date_of_birth date,
            name          varchar(100),
            surname       varchar(100),
            created_at    timestamp DEFAULT current_timestamp,
            updated_at    timestamp DEFAULT current_timestamp
        );
        CREATE INDEX idx_users_email ON public.users (email);
        CREATE INDEX idx_users_username ON public.users (username);
    END IF;

    IF to_regclass('public.rooms') IS NULL THEN
        CREATE TABLE public.rooms (
            id          serial PRIMARY KEY,
            internal_id varchar(50) NOT NULL UNIQUE,
            name        varchar(255),
            floor       integer,
            bathrooms   integer,
            beds        integer,
            capacity    integer,
            created_at  timestamp DEFAULT current_timestamp,
            updated_at  timestamp DEFAULT current_timestamp
        );
        CREATE INDEX idx_rooms_internal_id ON public.rooms (internal_id);
    END IF;

    IF to_regclass('public.bookings') IS NULL THEN
        CREATE TABLE public.bookings (
            id               serial PRIMARY KEY,
            user_id          integer NOT NULL REFERENCES public.users (id),
            room_id          integer NOT NULL REFERENCES public.rooms (id),
            number_of_guests integer NOT NULL CHECK (number_of_guests > 0),
            start_date       date NOT NULL,
            end_date         date NOT NULL,
            payment_id       varchar(255),
            status           varchar(50) NOT NULL DEFAULT 'Accepted'
                             CHECK (status IN ('Accepted', 'Cancelled', 'Refused')),
            created_at       timestamp DEFAULT current_timestamp,
            updated_at       timestamp DEFAULT current_timestamp,
            CONSTRAINT check_dates CHECK (end_date > start_date)
        );
        CREATE INDEX idx_bookings_user_id ON public.bookings (user_id);
        CREATE INDEX idx_bookings_room_id ON public.bookings (room_id);
        CREATE INDEX idx_bookings_dates ON public.bookings (start_date, end_date);
    END IF;
END
$$;

-- The booking's name in the events. Null for a booking that no event made; unique, so that a redelivered
-- event cannot create a second booking whatever the code does.
ALTER TABLE public.bookings ADD COLUMN IF NOT EXISTS booking_id varchar(255);
CREATE UNIQUE INDEX IF NOT EXISTS bookings_booking_id_key ON public.bookings (booking_id);
