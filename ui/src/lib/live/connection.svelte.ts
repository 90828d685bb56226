/** Whether the server answers; told by every call. */

class Connection {
  lost = $state(false);

  heard(answered: boolean): void {
    this.lost = !answered;
  }
}

export const connection = new Connection();
