use super::*;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_microsecond()
}

fn span(days: &[u8], from: (u16, u16), to: (u16, u16), zone: &str) -> Span {
    let text = format!("{days:?} {from:?}-{to:?} {zone}");
    Span { text, days: days.to_vec(), from_min: from.0 * 60 + from.1, to_min: to.0 * 60 + to.1, zone: zone.into() }
}

fn window(allow: Vec<Span>, forbid: Vec<Span>) -> Window {
    Window { allow, forbid, must_end_inside: false, exempt: Vec::new(), second_look: None }
}

/// The next allowed time where this one is refused.
fn next(window: &Window, time: &str, needs_s: u64) -> Option<String> {
    let refusal = refusal(window, at(time), needs_s)?;
    Some(refusal.next_us.map_or("never".into(), |us| Timestamp::from_microsecond(us).unwrap().to_string()))
}

#[test]
fn inside_is_from_the_begin_up_to_but_not_including_the_end() {
    let night = window(vec![span(&[0, 1, 2, 3], (2, 0), (5, 0), "UTC")], vec![]);
    // 2026-03-02 is a Monday.
    assert_eq!(next(&night, "2026-03-02T02:00:00Z", 0), None);
    assert_eq!(next(&night, "2026-03-02T04:59:59Z", 0), None);
    assert_eq!(next(&night, "2026-03-02T05:00:00Z", 0).unwrap(), "2026-03-03T02:00:00Z");
    assert_eq!(next(&night, "2026-03-05T06:00:00Z", 0).unwrap(), "2026-03-09T02:00:00Z");
}

#[test]
fn a_span_over_midnight_belongs_to_the_day_it_begins_on() {
    let late = window(vec![span(&[3], (22, 0), (27, 0), "UTC")], vec![]);
    assert_eq!(next(&late, "2026-03-06T02:59:00Z", 0), None);
    assert_eq!(next(&late, "2026-03-05T02:00:00Z", 0).unwrap(), "2026-03-05T22:00:00Z");
    assert_eq!(next(&late, "2026-03-06T22:30:00Z", 0).unwrap(), "2026-03-12T22:00:00Z");
}

#[test]
fn a_forbidden_friday_is_friday_in_its_own_zone() {
    let friday = |zone: &str| window(vec![], vec![span(&[4], (0, 0), (24, 0), zone)]);
    // Thursday 15:30 in London is Friday 00:30 in Tokyo.
    let time = "2026-03-05T15:30:00Z";
    assert_eq!(next(&friday("UTC"), time, 0), None);
    assert_eq!(next(&friday("Asia/Tokyo"), time, 0).unwrap(), "2026-03-06T15:00:00Z");
    assert_eq!(next(&friday("UTC"), "2026-03-06T15:30:00Z", 0).unwrap(), "2026-03-07T00:00:00Z");
    assert_eq!(next(&friday("Asia/Tokyo"), "2026-03-06T15:30:00Z", 0), None);
}

#[test]
fn a_zone_keeps_its_hours_when_its_clocks_change() {
    let berlin = window(vec![span(&[0, 1, 2, 3, 4, 5, 6], (9, 0), (10, 0), "Europe/Berlin")], vec![]);
    assert_eq!(next(&berlin, "2026-03-28T08:30:00Z", 0), None);
    assert_eq!(next(&berlin, "2026-03-29T07:30:00Z", 0), None);
    assert_eq!(next(&berlin, "2026-03-29T08:30:00Z", 0).unwrap(), "2026-03-30T07:00:00Z");
    assert_eq!(next(&berlin, "2026-10-25T07:30:00Z", 0).unwrap(), "2026-10-25T08:00:00Z");
}

#[test]
fn an_hour_that_the_clocks_skip_begins_later_and_one_shown_twice_ends_the_first_time() {
    let night = window(vec![span(&[6], (2, 0), (5, 0), "Europe/Berlin")], vec![]);
    // 02:00 does not exist on 2026-03-29: the window is from 03:00 summer time (01:00 UTC) to 05:00 (03:00 UTC).
    assert_eq!(next(&night, "2026-03-29T00:59:00Z", 0).unwrap(), "2026-03-29T01:00:00Z");
    assert_eq!(next(&night, "2026-03-29T02:59:00Z", 0), None);
    assert_eq!(next(&night, "2026-03-29T03:00:00Z", 0).unwrap(), "2026-04-05T00:00:00Z");
    // 02:00 is there twice on 2026-10-25: from the first one, 00:00 UTC, to 05:00 winter time, 04:00 UTC.
    assert_eq!(next(&night, "2026-10-25T00:00:00Z", 0), None);
    assert_eq!(next(&night, "2026-10-25T03:59:00Z", 0), None);
    assert!(next(&night, "2026-10-25T04:00:00Z", 0).is_some());
}

#[test]
fn estimates_must_fit_and_the_next_time_is_one_where_they_do() {
    let mut night = window(vec![span(&[0], (2, 0), (5, 0), "UTC"), span(&[1], (2, 0), (3, 0), "UTC")], vec![]);
    assert_eq!(next(&night, "2026-03-02T04:00:00Z", 7200), None);
    night.must_end_inside = true;
    assert_eq!(next(&night, "2026-03-02T03:00:00Z", 7200), None);
    // Tuesday's hour is too short for two.
    assert_eq!(next(&night, "2026-03-02T03:00:01Z", 7200).unwrap(), "2026-03-09T02:00:00Z");
    let words = refusal(&night, at("2026-03-02T04:00:00Z"), 7200).unwrap().why;
    assert_eq!(
        words,
        "what is left takes 2h 00m by its estimates and marks, and the window closes in 1h 00m at 2026-03-02T05:00:00Z"
    );
    assert_eq!(next(&night, "2026-03-02T03:00:00Z", 36_000).unwrap(), "never");
}

#[test]
fn days_that_follow_each_other_are_one_window() {
    let mut week = window(vec![span(&[0, 1, 2], (0, 0), (24, 0), "UTC")], vec![]);
    week.must_end_inside = true;
    assert_eq!(next(&week, "2026-03-02T23:00:00Z", 40 * 3600), None);
    assert!(next(&week, "2026-03-03T23:00:00Z", 40 * 3600).is_some());
}

#[test]
fn forbidden_times_win_over_allowed_ones_and_end_a_window() {
    let mut window =
        window(vec![span(&[0, 1, 2, 3, 4], (8, 0), (18, 0), "UTC")], vec![span(&[4], (12, 0), (24, 0), "UTC")]);
    assert_eq!(next(&window, "2026-03-06T13:00:00Z", 0).unwrap(), "2026-03-09T08:00:00Z");
    assert!(refusal(&window, at("2026-03-06T13:00:00Z"), 0).unwrap().why.contains("is in the forbidden time `"));
    window.must_end_inside = true;
    assert!(next(&window, "2026-03-06T11:30:00Z", 3600).is_some());
}

#[test]
fn a_zone_nobody_knows_allows_nothing_and_forbids_everything() {
    let nowhere = |n| span(&[n], (0, 0), (24, 0), "Mars/Olympus");
    assert_eq!(next(&window(vec![nowhere(0)], vec![]), "2026-03-02T04:00:00Z", 0).unwrap(), "never");
    assert_eq!(next(&window(vec![], vec![nowhere(0)]), "2026-03-02T04:00:00Z", 0).unwrap(), "never");
}

#[test]
fn a_window_that_never_closes_has_room_for_everything() {
    let every_day = vec![0, 1, 2, 3, 4, 5, 6];
    let always = Window { must_end_inside: true, ..window(vec![span(&every_day, (0, 0), (24, 0), "UTC")], vec![]) };
    assert_eq!(next(&always, "2026-03-02T01:00:00Z", 20 * 86_400), None);
    let only_monday = Window { allow: vec![span(&[0], (0, 0), (24, 0), "UTC")], ..always };
    assert_eq!(next(&only_monday, "2026-03-02T01:00:00Z", 20 * 86_400).unwrap(), "never");
}

#[test]
fn a_window_opens_again_after_it_was_closed_once() {
    let night = window(vec![span(&[0, 1], (2, 0), (5, 0), "UTC")], vec![]);
    let opens = |time| opens_again(&night, at(time)).map(|us| Timestamp::from_microsecond(us).unwrap().to_string());
    assert_eq!(opens("2026-03-02T01:00:00Z").unwrap(), "2026-03-02T02:00:00Z");
    assert_eq!(opens("2026-03-02T03:00:00Z").unwrap(), "2026-03-03T02:00:00Z");
    assert_eq!(opens("2026-03-03T05:00:00Z").unwrap(), "2026-03-09T02:00:00Z");
    let never = window(vec![], vec![span(&[0, 1, 2, 3, 4, 5, 6], (0, 0), (24, 0), "UTC")]);
    assert_eq!(opens_again(&never, at("2026-03-02T01:00:00Z")), None);
}
