//! x
#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::print_stdout)]
use rdkafka::producer::*; use rdkafka::consumer::*; use rdkafka::*; use std::time::*;
#[tokio::main] async fn main(){
 let k=stack::Kafka::start(&[]).await.unwrap();
 k.admin().create_topic("t",12,&[]).await.unwrap();
 let b=k.bootstrap().to_owned();
 let p:BaseProducer=ClientConfig::new().set("bootstrap.servers",&b).set("linger.ms","50").set("queue.buffering.max.messages","1000000").create().unwrap();
 let t=Instant::now(); let pay=vec![b'x';420];
 for i in 0..2_400_000 { loop { match p.send(BaseRecord::<[u8],[u8]>::to("t").partition(i%12).payload(&pay)) { Ok(())=>break, Err(_)=>{p.poll(Duration::from_millis(10));} } } if i%1000==0 {p.poll(Duration::ZERO);} }
 p.flush(Duration::from_secs(60)).unwrap(); println!("produced {:?}",t.elapsed());
 let rss=|| { let o=std::process::Command::new("sh").args(["-c","ps -eo rss,args | grep '[k]afka.Kafka' | awk '{print $1}'"]).output().unwrap(); println!("rss {}",String::from_utf8_lossy(&o.stdout)); }; rss();
 for prot in ["classic","consumer"] {
 let t=Instant::now();
 let c:BaseConsumer=ClientConfig::new().set("bootstrap.servers",&b).set("group.id",prot).set("group.protocol",prot).set("auto.offset.reset","earliest").create().unwrap();
 c.subscribe(&["t"]).unwrap(); let mut n=0; let mut first=None; while n<2_400_000 { if let Some(Ok(_))=c.poll(Duration::from_secs(1)) { n+=1; first.get_or_insert(t.elapsed()); } }
 println!("{prot} consumed {:?} first {:?}",t.elapsed(),first); rss(); }
 println!("{}", std::fs::read_to_string(k.log()).unwrap());
}
