/// Common English words that prompts are made of.
///
/// Any tokenizer knows most of them as one or two tokens, so text of a wanted length can be made without asking it, and
/// tokenizing all of them once gives a slice of ordinary tokens of any vocabulary.
enum WordList {
  static let words: [String] = """
    able about above accept across act add afraid after again age agree air all allow alone along already always among
    animal answer any appear apple area arm around arrive art ask autumn away baby back bad bag ball bank base basket
    bath bean bear beautiful bed before begin behind bell below beside best better between big bird birth bite black
    blood blow blue board boat body bone book border born borrow both bottle bottom bowl box boy branch brave bread
    break breakfast breathe bridge bright bring brother brown brush build burn business bus busy buy cake call camera
    camp candle cap car card care carry case castle cat catch chair chance change cheap cheese chicken child choose
    circle city class clean clear climb clock close cloth cloud coat coffee cold collect color come common compare
    complete computer condition continue control cook cool copper corn corner correct cost count country course cover
    crash cross cry cup cut dance dark daughter day dead deal decide deep deer depend desk die different dinner dirty
    dish do doctor dog door down draw dream dress drink drive drop dry duck dust duty each ear early earn earth east
    easy eat education effect egg eight electric empty end enemy enjoy enough enter equal escape even evening event
    every example except excited exercise expect expensive explain eye face fact fail fall false family famous far farm
    fast father fault fear feed feel female few fight fill film find fine finger finish fire first fish fit five fix
    flag flat float floor flower fly fold follow food foot forest forget forgive form four free freeze fresh friend
    front fruit full fun funny furniture future game garden gate general gentle gift give glad glass go goat gold good
    grandmother grass gray great green ground group grow gun hair half hall hammer hand happen happy hard hat hate have
    head healthy hear heart heavy height help hen here hide high hill history hit hobby hold hole holiday home hope
    horse hospital hot hotel hour house how hundred hungry hurry husband ice idea important inside interest island job
    join juice jump keep key kind king kitchen knee knife knock know ladder lady lamp land large last late laugh lazy
    lead leaf learn leave left leg lend length lesson letter library lie life light like lion lip list listen little
    live lock lonely long look lose lot love low lower luck machine main make male man many map mark market marry
    matter meal mean measure meat medicine meet member mention method middle milk million mind minute miss mistake mix
    model modern moment money monkey month moon more morning most mother mountain mouth move music name narrow nature
    near neck need needle neighbor net never new news night nine noise none north nose nothing notice now number object
    ocean offer office often oil old once one onion only open opposite orange order other outside over page pain paint
    pair paper parent park part partner party pass past path pay peace pen pencil people pepper perfect period person
    photograph piano pick picture piece pig pilot pin pink place plane plant plastic plate play please plenty pocket
    point poison police polite pool poor popular position possible potato pour power present press pretty prevent price
    prince prison private prize problem produce promise proper protect provide public pull punish pupil push put queen
    question quick quiet radio rain raise reach read ready real reason receive record red remember remind remove rent
    repair repeat reply report rest result return rice rich ride right ring rise river road rock room round rubber rule
    ruler run sad safe sail salt same sand save say school science search seat second see seem sell send sentence serve
    seven several shade shadow shake shape share sharp sheep sheet shelf shine ship shirt shoe shoot shop short shout
    show side signal silent silver similar simple single sing sink sister size skill skin sky sleep slip slow small
    smell smile smoke snow soap sock soft some son soon sorry sound soup south space speak special speed spell spend
    spoon sport spread spring square stamp stand star start station stay steal steam step still stomach stone stop
    store storm story strange street strong structure student study stupid subject substance sudden sugar suitable
    summer sun support sure surprise sweet swim sword table take talk tall taste taxi tea teach team tear telephone
    television tell ten tennis terrible test thank thick thin thing think third thirsty thousand thread three ticket
    tie tiger time tired title today toe together tomorrow tonight tool tooth top total touch town train tram travel
    tree trouble true trust try turn twice type uncle under understand unit until useful usual valley very village
    visit voice wait wake walk want warm wash waste watch water way weak wear weather wedding week weight welcome west
    wet wheel when where white whole wide wife wild win wind window wine winter wire wise wish without woman wonder
    wood word work world worry worst write wrong year yellow yes yesterday young zero zoo
    """.split(whereSeparator: \.isWhitespace).map(String.init)
}
