//! How permits are shared out among clients.

use host::http::{ClientAddress, NoPermit, Permits};

#[test]
fn a_share_is_never_more_than_there_is() {
    let (permits, client) = (Permits::new(2, 5), ClientAddress::new([192, 0, 2, 1].into()));
    let _taken = [(); 2].map(|()| permits.try_take(client).expect("room"));
    assert_eq!(permits.try_take(client).err(), Some(NoPermit::OfClient { max: 2 }));
}

#[tokio::test]
#[should_panic(expected = "3 permits are more than one client may have")]
async fn whoever_asks_for_more_than_a_share_does_not_wait_for_ever() {
    let permits = Permits::new(5, 2);
    drop(permits.take(ClientAddress::new([192, 0, 2, 1].into()), 3).await);
}
